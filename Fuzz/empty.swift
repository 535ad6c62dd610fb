// Nothing: modules of this are what the sources of several modules import of each other when they are compiled as one.
