"""The local chain over HTTP: reads, the faucet, and signed transfers. JSON in, JSON out; no cookie, no CSRF."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts import limits
from billing.chain.local import node, subnet
from billing.chain.local.gateway import LocalChainGateway, wish_from
from billing.models import LocalTransfer
from core import ratelimit
from core.errors import DomainError, Invalid, NotFound

FAUCET_RATE: Final = "20/minute"
SUBMIT_RATE: Final = "120/minute"
View = Callable[..., JsonResponse]
gateway = LocalChainGateway()


def answering(view: View) -> View:
    """Give a refusal as JSON: its code, its words and what to do."""

    @wraps(view)
    def answer(request: HttpRequest, **kwargs: Any) -> JsonResponse:
        try:
            return view(request, **kwargs)
        except DomainError as error:
            body = {
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
                "data": error.data,
            }
            response = JsonResponse(body, status=error.status)
            if retry_after := error.data.get("retry_after"):
                response["Retry-After"] = str(retry_after)
            return response

    return answer


@require_safe
@answering
def head(request: HttpRequest) -> JsonResponse:
    """Give the heights, the genesis and the terms of the chain."""
    network, heads = gateway.network(), gateway.heads()
    return JsonResponse(
        {
            "network": network.name,
            "simulated": network.simulated,
            "genesis": network.genesis,
            "height": heads.best,
            "finalized_height": heads.finalized,
            "fee_rao": node.FEE_RAO,
            "existential_deposit_rao": node.EXISTENTIAL_RAO,
        }
    )


@require_safe
@answering
def block(request: HttpRequest, number: int) -> JsonResponse:
    """Give a block and the transfers in it, those of alpha too.

    :raises NotFound: it does not exist yet.
    """
    heads = gateway.heads()
    if number > heads.best:
        raise NotFound(f"Block {number} does not exist yet; the head is {heads.best}.")
    found = gateway.block(number)
    transfers = [
        {
            "event_index": one.event_index,
            "from": one.sender,
            "to": one.destination,
            "amount_rao": str(one.rao),
        }
        for one in found.transfers
    ]
    stake_transfers = [
        {
            "event_index": one.event_index,
            "from": one.sender,
            "to": one.destination,
            "hotkey": one.hotkey,
            "netuid": one.netuid,
            "amount_rao": str(one.alpha_rao),
        }
        for one in found.stake_transfers
    ]
    return JsonResponse(
        {
            "number": number,
            "hash": found.hash,
            "at": found.at.isoformat(),
            "final": number <= heads.finalized,
            "transfers": transfers,
            "stake_transfers": stake_transfers,
        }
    )


@require_safe
@answering
def account(request: HttpRequest, address: str) -> JsonResponse:
    """Give what an address holds, and its next nonce."""
    found = node.account(address)
    return JsonResponse({"address": address, "free_rao": str(found.free_rao), "nonce": found.nonce})


@require_safe
@answering
def stake(request: HttpRequest, address: str, netuid: int) -> JsonResponse:
    """Give the alpha that a coldkey has on a subnet, by hotkey."""
    rows = gateway.stake(address, netuid)
    found = [{"hotkey": one.hotkey, "alpha_rao": str(one.alpha_rao)} for one in rows]
    return JsonResponse({"address": address, "netuid": netuid, "stake": found})


@csrf_exempt
@require_POST
@answering
def faucet(request: HttpRequest) -> JsonResponse:
    """Give test TAO to an address; test alpha where ``netuid`` and ``hotkey`` are named."""
    _limit(request, "faucet", FAUCET_RATE)
    body = _body(request)
    try:
        address, rao = str(body["address"]), int(str(body["amount_rao"]))
        netuid = int(str(body["netuid"])) if "netuid" in body else None
        hotkey = str(body["hotkey"]) if netuid is not None else ""
    except (KeyError, ValueError) as error:
        raise _malformed(
            "address and amount_rao (whole rao), and for alpha netuid and hotkey"
        ) from error
    if netuid is None:
        return _included(node.mint(address=address, rao=rao))
    return _included(node.mint_alpha(coldkey=address, hotkey=hotkey, netuid=netuid, rao=rao))


@csrf_exempt
@require_POST
@answering
def transfers(request: HttpRequest) -> JsonResponse:
    """Take a signed transfer into the next block."""
    _limit(request, "transfers", SUBMIT_RATE)
    try:
        wish = wish_from(_body(request))
    except (KeyError, ValueError) as error:
        raise _malformed("from, to, amount_rao, nonce and signature (0x hex)") from error
    return _included(node.submit(wish))


@require_safe
@answering
def neurons(request: HttpRequest, netuid: int) -> JsonResponse:
    """Give who is on a subnet."""
    found = gateway.subnet(netuid)
    rows = [{"uid": one.uid, "hotkey": one.hotkey} for one in found.neurons]
    return JsonResponse({"netuid": netuid, "tempo": found.tempo, "neurons": rows})


@csrf_exempt
@require_POST
@answering
def registrations(request: HttpRequest, netuid: int) -> JsonResponse:
    """Give a hotkey a place on a subnet, for nothing: this chain is a simulation."""
    _limit(request, "register", FAUCET_RATE)
    try:
        hotkey = str(_body(request)["hotkey"])
    except KeyError as error:
        raise _malformed("hotkey (SS58)") from error
    place = subnet.register(netuid=netuid, hotkey=hotkey)
    return JsonResponse({"netuid": netuid, "uid": place.uid, "hotkey": hotkey}, status=201)


def _included(transfer: LocalTransfer) -> JsonResponse:
    body = {
        "hash": transfer.hash,
        "block_number": transfer.block_number,
        "fee_rao": transfer.fee_rao,
    }
    return JsonResponse(body, status=201)


def _body(request: HttpRequest) -> dict[str, object]:
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise _malformed("one JSON object") from error
    if not isinstance(body, dict):
        raise _malformed("one JSON object")
    return body


def _malformed(wanted: str) -> Invalid:
    return Invalid(
        "The body cannot be read.",
        hint=f"Send {wanted}; docs/money.md, The local chain, has the form.",
    )


def _limit(request: HttpRequest, what: str, rate: str) -> None:
    ratelimit.check(f"localchain-{what}", limits.network(), rate)
