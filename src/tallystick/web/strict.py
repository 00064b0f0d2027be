"""Bodies as they are documented: JSON decoded straight into its struct, nothing guessed, nothing coerced."""

from collections.abc import Generator
from typing import Any, ClassVar

import msgspec
from litestar import Litestar
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.exceptions import ValidationException
from litestar.openapi.spec import Reference, Schema
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition
from msgspec import Struct


class Strict(AbstractDTO[Struct]):
    """Decodes a body by the type of the route's `data`. Litestar alone would take the text "500" for a number."""

    # By route; the document is made from the same types, so that both say the same.
    _decoders: ClassVar[dict[str, msgspec.json.Decoder[Any]]] = {}

    def decode_bytes(self, value: bytes) -> Any:
        """The body's struct. Raises `ValidationException` naming the field."""
        decoder = self._decoders[self.asgi_connection.route_handler.handler_id]
        try:
            try:
                return decoder.decode(value)
            except msgspec.ValidationError:
                # To JSON Schema 500.0 is an integer; it is told so in the document, so it is taken for one.
                return msgspec.convert(_with_integers(msgspec.json.decode(value)), decoder.type)
        except msgspec.ValidationError as fault:
            told, _, place = str(fault).partition(" - at `$")
            field = place.removeprefix(".").removesuffix("`")
            raise ValidationException(detail="body", extra=[{"message": told, "key": field}]) from fault
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise ValidationException(detail="The body is not JSON") from fault

    @classmethod
    def create_for_field_definition(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,
        backend_cls: Any = None,  # noqa: ARG003 - the base class's signature
    ) -> None:
        """One decoder per route."""
        if field_definition.name == "data":
            cls._decoders[handler_id] = msgspec.json.Decoder(field_definition.annotation)

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,  # noqa: ARG003 - the base class's signature
        schema_creator: Any,
    ) -> Reference | Schema:
        """The struct's own schema."""
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(
        cls,
        model_type: type[Any],  # noqa: ARG003 - the base class's signature
    ) -> Generator[DTOFieldDefinition, None, None]:
        """None: the struct is taken as a whole."""
        yield from ()

    @classmethod
    def detect_nested_field(
        cls,
        field_definition: FieldDefinition,  # noqa: ARG003 - the base class's signature
    ) -> bool:
        """None: the struct is taken as a whole."""
        return False


def _with_integers(told: Any) -> Any:
    """The same JSON value with every number that is whole as an integer."""
    match told:
        case float() if told.is_integer() and abs(told) < 2**53:
            return int(told)
        case list():
            return [_with_integers(one) for one in told]
        case dict():
            return {name: _with_integers(one) for name, one in told.items()}
        case _:
            return told


def openapi_document(app: Litestar) -> dict[str, Any]:
    """The OpenAPI document, its bodies described as they are decoded: unknown fields refused, unions by their tag."""
    document = app.openapi_schema.to_schema()
    bodies = {
        operation["operationId"]: operation["requestBody"]["content"]["application/json"]
        for path in document["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    }
    types = {
        handler.operation_id: handler.parsed_data_field.annotation
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.parsed_data_field is not None
    }
    schemas, components = msgspec.json.schema_components(
        [types[name] for name in bodies], ref_template="#/components/schemas/{name}"
    )
    for content, schema in zip(bodies.values(), schemas, strict=True):
        content["schema"] = schema
    document["components"]["schemas"].update(components)
    return document
