"""The API's conventions, once for all endpoints: errors, parsing, pages, rendering, schema."""
