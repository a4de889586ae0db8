"""What people read: files, HTML pages, Markdown and lines for the terminal."""
