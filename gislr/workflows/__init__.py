"""What each command does: a function of the command's name that takes a composed configuration."""
