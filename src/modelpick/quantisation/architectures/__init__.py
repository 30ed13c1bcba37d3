"""The architectures we convert, one file each; a new one is a file and a line in ``registry``."""
