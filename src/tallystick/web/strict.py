"""Bodies as they are documented: JSON decoded straight into its struct, nothing guessed, nothing coerced."""

import re
from collections.abc import Generator
from typing import Any, ClassVar, Final

import msgspec
from litestar import Litestar
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.exceptions import ValidationException
from litestar.openapi.spec import Reference, Schema
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition
from msgspec import Struct

# Where msgspec says that a fault is, and the field that it says is missing or unknown.
_PLACE: Final = re.compile(r" - at (?:`key` in )?`\$\.?(.*)`$", re.DOTALL)
_FIELD: Final = re.compile(r"^Object (?:missing required|contains unknown) field `(.*)`$", re.DOTALL)
_MOST_OF_A_NAME: Final = 100
# A text that ends with a line break: Python's `$` matches before it, JSON Schema's does not.
_ENDS_IN_LINE_BREAK: Final = re.compile(rb'\\(?:n|u000[aA])"')


def ends_in_line_break(body: bytes) -> bool:
    """Whether a text of a body may end with a line break, which is refused."""
    return _ENDS_IN_LINE_BREAK.search(body) is not None


class Strict(AbstractDTO[Struct]):
    """Decodes a body by the type of the route's `data`. Litestar alone would take the text "500" for a number."""

    # By route; the document is made from the same types, so that both say the same.
    _decoders: ClassVar[dict[str, msgspec.json.Decoder[Any]]] = {}

    def decode_bytes(self, value: bytes) -> Any:
        """The body's struct. Raises `ValidationException` naming the field."""
        decoder = self._decoders[self.asgi_connection.route_handler.handler_id]
        try:
            if ends_in_line_break(value):
                _refuse_line_breaks(msgspec.json.decode(value))
            try:
                return decoder.decode(value)
            except msgspec.ValidationError:
                # To JSON Schema 500.0 is an integer; it is told so in the document, so it is taken for one.
                return msgspec.convert(_with_integers(msgspec.json.decode(value)), decoder.type)
        except msgspec.ValidationError as fault:
            told, field = _told(str(fault))
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


def _told(fault: str) -> tuple[str, str]:
    """A fault as msgspec words it, without its place, and the field that it is about.

    >>> _told("Object missing required field `channel` - at `$.plan`")
    ('Object missing required field `channel`', 'plan.channel')
    >>> _told("Expected `str` of length <= 40 - at `key` in `$.metadata`")
    ('Expected `str` of length <= 40', 'metadata')
    """
    place = _PLACE.search(fault)
    told = fault if place is None else fault[: place.start()]
    named = _FIELD.match(told)
    parts = ("" if place is None else place[1], "" if named is None else named[1])
    return told, ".".join(filter(None, parts))[:_MOST_OF_A_NAME]


def _refuse_line_breaks(told: Any, *, place: str = "$") -> None:
    """No text of a body ends with a line break. Raises `msgspec.ValidationError` naming the first that does."""
    match told:
        case str() if told.endswith("\n"):
            raise msgspec.ValidationError(f"Expected `str` without a line break at its end - at `{place}`")
        case list():
            for number, one in enumerate(told):
                _refuse_line_breaks(one, place=f"{place}[{number}]")
        case dict():
            for name, one in told.items():
                _refuse_line_breaks(name, place=place)
                _refuse_line_breaks(one, place=f"{place}.{name}")
        case _:
            pass


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
