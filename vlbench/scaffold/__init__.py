"""Writing the package of a new plugin from templates, which lie beside this file."""
