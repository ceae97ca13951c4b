"""The permission table and the routes: each row has one, each route has a row, and asks for a caller."""

from fastapi.routing import APIRoute

from http_api.app import RESOURCES
from http_api.caller import establish_caller
from http_api.operations import OPERATIONS

ROUTES = [route for resource in RESOURCES for route in resource.router.routes if isinstance(route, APIRoute)]


def test_every_operation_of_the_table_has_a_route_and_every_route_a_row() -> None:
    routed = {(route.operation_id, method, route.path) for route in ROUTES for method in route.methods or ()}

    assert routed == {(each.id, each.method, each.path) for each in OPERATIONS}


def test_every_route_establishes_its_caller_but_those_that_are_open_or_ask_themselves() -> None:
    asking = {
        route.operation_id
        for route in ROUTES
        if any(each.call is establish_caller for each in route.dependant.dependencies)
    }

    assert asking == {each.id for each in OPERATIONS if not (each.is_open or each.is_hot)}
