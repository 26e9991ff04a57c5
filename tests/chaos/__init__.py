"""The chaos run's own tests: each checker fails where its promise is broken, and a short run is whole."""
