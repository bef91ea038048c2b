"""What `kerasvox doctor` looks at; nothing heavy is imported before it is looked at."""
