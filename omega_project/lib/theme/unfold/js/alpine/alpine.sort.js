// The theme sorts rows by dragging (ordering_field) with a script that it loads on every page. No list of ours is sorted so.
document.addEventListener("alpine:init", () => window.Alpine.directive("sort", () => {}));
