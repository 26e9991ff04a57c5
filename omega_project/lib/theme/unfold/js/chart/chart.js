// The theme loads its Chart.js on every page by this name. No page uses it: the dashboard brings its own.
