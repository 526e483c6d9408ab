"""The shared port map: its layout, its file, and its writer."""
