"""One file, one place to get pictures from; reached through `negbuild.source.find_source(name)`."""
