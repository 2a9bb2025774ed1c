"""The catalogue's selection: each filter, the total order, one query, and the shape of a row."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from core import clock
from marketplace import selectors, wire
from marketplace.filters import SORTS, Near, OfferFilters, Order
from marketplace.models import Node, NodeStatus
from marketplace.query import PARAMETERS, parse
from marketplace.selectors import offers, offers_json
from tests.factories.marketplace import NOON, make_gpu_model, make_node

pytestmark = pytest.mark.django_db


def listed(text: str = "") -> list[dict[str, Any]]:
    query = parse(QueryDict(text)).or_refuse()
    found = offers_json(query.filters, query.order, limit=query.limit, offset=query.offset)
    rows: list[dict[str, Any]] = json.loads(found.body)
    return rows


def ids(text: str = "") -> list[str]:
    return [row["id"] for row in listed(text)]


class TestRow:
    def test_has_what_the_client_reads_as_numbers(self) -> None:
        node = make_node(country="Germany", country_code="DE", city="Berlin", download_mbps=900.5)

        (row,) = listed()

        assert row["id"] == str(node.public_id)
        assert row["machine_name"] == "NVIDIA H100 80GB HBM3"
        assert row["price_per_gpu"] == 2.45
        assert row["max_cuda_version"] == 12.8
        assert row["effective_download_speed_mbps"] == 900.5
        assert row["location"] == {"country": "Germany", "country_code": "DE", "city": "Berlin"}
        assert row["specs"]["ram"] == {"total": 515_000 * 1024}
        assert row["specs"]["gpu"]["details"] == [
            {"name": "NVIDIA H100 80GB HBM3", "capacity": 81559}
        ]
        assert row["min_gpu_count_for_rental"] == 1
        assert (row["gpu_count"], row["available_gpu_count"]) == (8, 8)

    def test_what_is_unknown_is_absent(self) -> None:
        make_node(cpu_count=None, ram_mib=None, disk_gib=None, cuda_version=None, nvlink=None)

        (row,) = listed()

        assert "null" not in json.dumps(row)
        assert "max_cuda_version" not in row
        assert "nvlink" not in row
        assert "reliability_score" not in row
        assert row["specs"]["cpu"] == {}

    def test_a_simulated_node_says_so_where_machines_and_people_look(self) -> None:
        make_node(simulated=True)

        (row,) = listed()

        assert row["simulated"] is True
        assert row["status"] == "available (simulated)"
        assert row["location"]["country"] == "Simulated"

    def test_follows_every_write_to_node_and_gpu_model(self) -> None:
        node = make_node()
        Node.objects.filter(pk=node.pk).update(free_gpu_count=3)
        node.gpu_model.memory_mib = 90_000
        node.gpu_model.save()

        (row,) = listed()

        assert row["available_gpu_count"] == 3
        assert row["specs"]["gpu"]["details"][0]["capacity"] == 90_000

    def test_the_one_definition_serves_pods_with_the_address(self) -> None:
        node = make_node()
        node.refresh_from_db()

        assert wire.executor(node) == listed()[0]
        assert wire.executor(node, with_address=True)["executor_ip_address"] == "203.0.113.7"
        assert "203.0.113.7" not in json.dumps(listed())


class TestListed:
    @pytest.mark.parametrize(
        "change",
        [
            {"status": NodeStatus.OFFLINE},
            {"status": NodeStatus.VALIDATION_PENDING},
            {"delisted_at": NOON},
            {"frozen_at": NOON},
            {"free_gpu_count": 0},
        ],
    )
    def test_leaves_out_what_cannot_be_rented(self, change: dict[str, Any]) -> None:
        make_node(**change)

        assert ids() == []
        assert not offers(OfferFilters()).exists()

    def test_all_are_given_unless_a_limit_is_sent(self) -> None:
        assert parse(QueryDict("")).limit is None
        assert parse(QueryDict("limit=20000")).limit == 20_000

    def test_an_empty_market_is_an_empty_array(self) -> None:
        assert offers_json(OfferFilters(), Order(), limit=5).body == b"[]"


# What the first node has and the second lacks; the last column is a node that does not report the figure.
FLOORS = [
    ("min_vram=80", {}, {"gpu_model": ("NVIDIA L40S", "L40S", 46068)}, None),
    ("max_price=2.45", {}, {"price_per_gpu_usd": Decimal("2.450000001")}, None),
    ("gpus=4", {}, {"free_gpu_count": 3}, None),
    ("gpus=2", {}, {"min_gpu_count": 8}, None),
    ("gpu_count_gte=8&gpu_count_lte=8", {}, {"gpu_count": 4}, None),
    ("country=DE", {"country_code": "DE"}, {"country_code": "NL"}, {"country_code": ""}),
    ("country=germ", {"country": "Germany"}, {"country": "Ghana"}, {"country": ""}),
    ("tier=spot", {"tier": "spot"}, {"tier": "secure"}, None),
    ("min_cpus=64", {}, {"cpu_count": 63}, {"cpu_count": None}),
    ("min_ram=500", {"ram_mib": 512_000}, {"ram_mib": 511_999}, {"ram_mib": None}),
    ("min_disk=1800", {}, {"disk_gib": 1799}, {"disk_gib": None}),
    (
        "min_download=500",
        {"download_mbps": 500.0},
        {"download_mbps": 499.0},
        {"download_mbps": None},
    ),
    ("min_upload=5", {"upload_mbps": 5.0}, {"upload_mbps": 4.0}, {"upload_mbps": None}),
    ("min_cuda=12.8", {}, {"cuda_version": Decimal("12.7")}, {"cuda_version": None}),
    ("min_ports=10", {"free_port_count": 10}, {"free_port_count": 9}, None),
    ("nvlink=true", {"nvlink": True}, {"nvlink": False}, {"nvlink": None}),
    ("full_power=on", {"power_limited": False}, {"power_limited": True}, {"power_limited": None}),
    ("real_gpus=1", {}, {"simulated": True}, None),
    (
        "reliable_only=true",
        {"starts_proven": 7, "starts_failed": 2},
        {"starts_proven": 4, "starts_failed": 2},
        None,
    ),
    (
        "lat=52.5&lon=13.4&max_distance_mile=20",
        {"latitude": 52.4, "longitude": 13.1},
        {"latitude": 48.1, "longitude": 11.6},
        {"latitude": None, "longitude": None},
    ),
    (
        "verified_hours=24",
        {"last_verified_at": clock.now()},
        {"last_verified_at": clock.now() - timedelta(hours=30)},
        {"last_verified_at": None},
    ),
]


class TestFilters:
    @pytest.mark.parametrize(("text", "has", "lacks", "unknown"), FLOORS)
    def test_each_filter_keeps_and_drops(
        self,
        text: str,
        has: dict[str, Any],
        lacks: dict[str, Any],
        unknown: dict[str, Any] | None,
    ) -> None:
        wanted = make_node(**has)
        if "gpu_model" in lacks:
            lacks = {"gpu_model": make_gpu_model(*lacks["gpu_model"])}
        make_node(**lacks)
        if unknown is not None:
            make_node(**unknown)

        assert ids(text) == [str(wanted.public_id)]
        query = parse(QueryDict(text)).or_refuse()
        assert list(offers(query.filters, query.order)) == [wanted]

    def test_a_floor_with_a_pod_size_is_on_the_share(self) -> None:
        make_node(gpu_count=8, cpu_count=64)

        assert len(ids("gpus=2&min_cpus=16")) == 1
        assert ids("gpus=2&min_cpus=17") == []

    def test_a_machine_that_claims_the_most_breaks_nobodys_search(self) -> None:
        most = 2**31 - 1
        boastful = make_node(gpu_count=8, cpu_count=most, ram_mib=most, disk_gib=most)

        assert ids("gpus=8&min_disk=100&min_cpus=1&min_ram=1") == [str(boastful.public_id)]

    @pytest.mark.parametrize(
        "name",
        [
            "4090",
            "rtx 4090",
            "RTX-4090",
            "rtx_4090",
            "geforce rtx 4090",
            "NVIDIA GeForce RTX 4090",
        ],
    )
    def test_a_gpu_is_found_under_every_spelling(self, name: str) -> None:
        card = make_gpu_model("NVIDIA GeForce RTX 4090", "RTX4090", 24564)
        wanted = make_node(gpu_model=card)
        make_node()

        assert ids(f"machine_names={name}") == [str(wanted.public_id)]

    def test_several_full_names_come_as_one_list(self) -> None:
        card = make_gpu_model("NVIDIA GeForce RTX 4090", "RTX4090", 24564)
        make_node(gpu_model=card)
        make_node()

        names = "NVIDIA GeForce RTX 4090,NVIDIA H100 80GB HBM3"
        assert len(ids(f"machine_names={names}")) == 2

    def test_an_unknown_gpu_matches_nothing_and_resolve_names_the_known_ones(self) -> None:
        make_node()

        assert ids("gpu=nosuch") == []
        with pytest.raises(selectors.UnknownGpu) as refusal:
            selectors.resolve("nosuch")
        assert "H100" in refusal.value.hint

    def test_docker_in_docker_is_offered_by_nobody(self) -> None:
        make_node()

        assert not offers(OfferFilters(docker_in_docker=True)).exists()


class TestOrder:
    @pytest.mark.parametrize("key", [*SORTS, *(f"-{key}" for key in SORTS)])
    def test_pages_never_overlap_and_both_shapes_agree(self, key: str) -> None:
        for _ in range(7):
            make_node()
        make_node(latitude=1.0, longitude=1.0, download_mbps=10.0)
        query = parse(QueryDict(f"sort={key}&lat=0&lon=0")).or_refuse()

        pages = [ids(f"sort={key}&lat=0&lon=0&limit=3&offset={offset}") for offset in (0, 3, 6)]

        joined = [row for page in pages for row in page]
        assert len(set(joined)) == 8
        rows = offers(query.filters, query.order)
        assert joined == [str(node.public_id) for node in rows]

    def test_cheapest_first_and_unknown_last(self) -> None:
        slow = make_node(download_mbps=None)
        fast = make_node(download_mbps=100.0, price_per_gpu_usd=Decimal(3))

        assert ids() == [str(slow.public_id), str(fast.public_id)]
        assert ids("sort=-download") == [str(fast.public_id), str(slow.public_id)]

    def test_distance_sorts_by_great_circle(self) -> None:
        far = make_node(latitude=10.0, longitude=179.0)
        near = make_node(latitude=10.0, longitude=-179.0)
        order = Order("distance")
        filters = OfferFilters(near=Near(10.0, -178.0))

        assert list(offers(filters, order)) == [near, far]


class TestQueries:
    def test_one_query_whatever_is_asked_and_however_many_rows(self) -> None:
        for _ in range(5):
            make_node()
        query = parse(QueryDict("gpu=h100&gpus=1&min_ram=1&sort=-download&limit=3")).or_refuse()

        with CaptureQueriesContext(connection) as captured:
            list(offers(query.filters, query.order))

        assert len(captured) == 1

    def test_the_list_uses_the_index_and_sorts_nothing(self) -> None:
        make_node()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            # On a table of one row a sort costs nothing: only where no index gives the order is one left.
            cursor.execute("SET LOCAL enable_sort = off")
            sql, params = offers(OfferFilters())[:50].query.sql_with_params()
            cursor.execute(f"EXPLAIN {sql}", params)
            plan = "\n".join(line for (line,) in cursor.fetchall())

        assert "node_rentable_by_price" in plan
        assert "Sort" not in plan


HOSTILE = [
    "limit=0",
    "limit=-1",
    "limit=1e9",
    "limit=99999999999999999999",
    "offset=-1",
    "gpus=two",
    "gpus=1.5",
    "gpus=%D9%A3",
    "min_ram=NaN",
    "min_ram=inf",
    "max_price=1e999999",
    "max_price=--1",
    "min_cuda=12.8.1",
    "tier=gold",
    "sort=price;drop table",
    "nvlink=perhaps",
    "lat=91&lon=0",
    "max_distance_mile=5",
    "sort=distance",
    "gpu=%00",
    "country=" + "x" * 200,
    "gpu=" + "a," * 70,
]


class TestHostile:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_is_refused_naming_the_parameter(self, text: str) -> None:
        query = parse(QueryDict(text))

        assert query.problems
        assert set(query.problems) <= set(PARAMETERS)
        with pytest.raises(Exception, match=next(iter(query.problems))):
            query.or_refuse()

    @pytest.mark.parametrize(
        "text",
        [
            "gpu='; DROP TABLE marketplace_node; --",
            "country=%25",
            "country=_",
            "country=D%27E",
            "max_price=1e-999999",
            "max_price=0.00000000000000000000001",
            "unknown=1&view=summary",
            "gpu=&gpus=&min_ram=",
            "limit=9999999&offset=2147483647",
            "gpu=%F0%9F%92%A9",
        ],
    )
    def test_odd_but_readable_text_is_only_data(self, text: str) -> None:
        make_node(country="Germany", country_code="DE")

        listed(text)

        assert Node.objects.count() == 1

    def test_a_percent_sign_is_no_wildcard(self) -> None:
        make_node(country="Germany", country_code="DE")

        assert ids("country=%25%25%25") == []


class TestRelaxations:
    def test_counts_what_each_filter_costs_in_one_query(self) -> None:
        make_node(cuda_version=Decimal("12.4"))
        make_node(cuda_version=Decimal("12.4"), cpu_count=8)
        filters = parse(QueryDict("min_cuda=12.8&min_cpus=16")).filters

        with CaptureQueriesContext(connection) as captured:
            found = selectors.relaxations(filters)

        assert [(row.field, row.count) for row in found] == [("min_cuda", 1)]
        assert len(captured) == 1

    def test_every_filter_can_be_taken_away(self) -> None:
        make_node()
        text = "&".join(case[0] for case in FLOORS) + "&gpu=h100"

        selectors.relaxations(parse(QueryDict(text)).filters)


class TestEquivalents:
    def test_nearest_first_and_only_what_can_give_the_gpus(self) -> None:
        taken = make_node()
        dearer = make_node(price_per_gpu_usd=Decimal("2.60"))
        nearer = make_node(price_per_gpu_usd=Decimal("2.50"))
        make_node(free_gpu_count=1)
        make_node(gpu_model=make_gpu_model("NVIDIA L40S", "L40S", 46068))
        make_node(simulated=True)
        kin = make_node(gpu_model=make_gpu_model("NVIDIA H100 NVL", "H100", 95830))

        found = list(selectors.equivalents(taken, gpu_count=2, limit=5))

        assert found == [nearer, dearer, kin]
