"""What pages share: their files and server, what npm fetches, how they draw and recognize."""
