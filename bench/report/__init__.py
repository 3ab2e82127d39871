"""Tables and figures. Everything here reads records only: no data, no model, no network."""
