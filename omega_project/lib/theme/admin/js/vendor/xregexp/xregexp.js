// The admin loads XRegExp on every list, for slugs alone (prepopulated_fields). No model of ours has one.
