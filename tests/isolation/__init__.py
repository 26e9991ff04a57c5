"""One business never sees or changes another's: proved for every operation of the OpenAPI document."""
