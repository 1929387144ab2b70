"""Floor 4: the application, the command line and the sandbox. They may import everything."""
