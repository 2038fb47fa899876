"""The commands: what each one does once the command line has been read."""
