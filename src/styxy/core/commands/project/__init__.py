"""Looking up names in a project's files: scripts, recipes, compose files, images."""
