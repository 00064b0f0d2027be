"""What a caller may do: one scope per noun of the API and direction, and the two modes of an installation."""

from enum import StrEnum


class Mode(StrEnum):
    """Real money, or none: a database holds one of both, and a key opens only its own."""

    LIVE = "live"
    TEST = "test"


class Scope(StrEnum):
    """A permission of an API key. None implies another."""

    BORROWERS_READ = "borrowers:read"
    BORROWERS_WRITE = "borrowers:write"
    PERSONAL_DATA_READ = "personal_data:read"
    PERSONAL_DATA_WRITE = "personal_data:write"
    PRODUCTS_READ = "products:read"
    APPLICATIONS_READ = "applications:read"
    APPLICATIONS_WRITE = "applications:write"
    OVERRIDES_WRITE = "overrides:write"
    LINES_READ = "lines:read"
    LINES_WRITE = "lines:write"
    DRAWS_WRITE = "draws:write"
    AUTHORIZATIONS_READ = "authorizations:read"
    AUTHORIZATIONS_WRITE = "authorizations:write"
    PAYMENTS_WRITE = "payments:write"
    CORRECTIONS_WRITE = "corrections:write"
    DECISIONS_READ = "decisions:read"
    TRACES_READ = "traces:read"
    LABELS_WRITE = "labels:write"
    REVIEWS_READ = "reviews:read"
    REVIEWS_WRITE = "reviews:write"
    FREEZES_READ = "freezes:read"
    FREEZES_WRITE = "freezes:write"
    LEDGER_READ = "ledger:read"
    EVENTS_READ = "events:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    CLOCKS_WRITE = "clocks:write"
