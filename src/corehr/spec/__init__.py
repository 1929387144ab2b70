"""The facts of the Open API as data, and their reader."""
