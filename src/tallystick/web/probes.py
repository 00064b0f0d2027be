"""What a load balancer and a monitor ask: are you there, shall I send requests, how are you."""

import psycopg
from litestar import Response, Router, get
from litestar.enums import MediaType
from litestar.serialization import encode_json
from msgspec import Struct
from psycopg_pool import PoolTimeout

from tallystick.storage import delivery
from tallystick.web.edge import Asked, edge_of
from tallystick.web.metrics import Metrics
from tallystick.web.strict import openapi_document

_PATIENCE_S = 1.0


class Health(Struct, frozen=True):
    """Whether we are there, and why not where we are not."""

    healthy: bool
    because: str | None = None


@get("/healthz", operation_id="health", tags=["probes"], sync_to_thread=False)
def healthz() -> Health:
    """The process answers. Restart it only where this fails."""
    return Health(healthy=True)


@get("/readyz", operation_id="readiness", tags=["probes"], sync_to_thread=True)
def readyz(request: Asked) -> Response[Health]:
    """503 while we stop or the database does not answer: send requests elsewhere."""
    if request.scope["state"].get("is_draining"):
        return Response(Health(healthy=False, because="stopping"), status_code=503)
    try:
        with edge_of(request).pool.connection(timeout=_PATIENCE_S) as connection:
            connection.execute("SELECT 1")
    except (psycopg.OperationalError, PoolTimeout):
        return Response(Health(healthy=False, because="database"), status_code=503)
    return Response(Health(healthy=True))


@get("/metrics", operation_id="metrics", tags=["probes"], media_type=MediaType.TEXT, sync_to_thread=True)
def metrics(request: Asked) -> Response[bytes]:
    """Figures for Prometheus. They name no person; keep the path inside all the same."""
    edge, figures = edge_of(request), request.scope["state"]["metrics"]
    assert isinstance(figures, Metrics)
    stats = edge.pool.get_stats()
    figures.pool_free.set(stats.get("pool_available", 0))
    figures.pool_waiting.set(stats.get("requests_waiting", 0))
    try:
        with edge.pool.connection(timeout=_PATIENCE_S) as connection:
            oldest = delivery.oldest_waiting(connection)
        figures.oldest_delivery_s.set(0 if oldest is None else (edge.clock() - oldest).total_seconds())
    except (psycopg.OperationalError, PoolTimeout):
        pass  # a monitor wants the other figures most when the database is away
    return Response(figures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@get("/openapi.json", include_in_schema=False, sync_to_thread=True)
def openapi(request: Asked) -> Response[bytes]:
    """The OpenAPI 3.1 document."""
    return Response(
        encode_json(openapi_document(request.app)), media_type="application/vnd.oai.openapi+json;version=3.1"
    )


router = Router("/", route_handlers=[healthz, readyz, metrics, openapi])
