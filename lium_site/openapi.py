"""An API whose OpenAPI description is made once: making it takes up to a quarter of a second, and anybody may ask."""

import re
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation


class DescribedOnce(NinjaAPI):
    """A ninja API that keeps its description; its routes are complete before the first request."""

    _described: OpenAPISchema | None = None

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """Give the description; one for another prefix is made anew."""
        if path_prefix or path_params:
            return super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        if self._described is None:
            self._described = super().get_openapi_schema()
        return self._described

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Name an operation by its method and address: generated clients outlive where our functions are."""
        (method,) = operation.methods
        address = re.sub(r"{[^}:]+:", "{", operation.path)
        return "_".join([method.lower(), *re.findall(r"\w+", address)])
