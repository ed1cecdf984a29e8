"""The request and the answer of a payment as the API describes them."""

REQUEST = """
{"reference": "ord-8831-1", "occurred_at": "2026-11-23T08:12:31.402Z",
 "kind": "purchase", "initiator": "payer", "agreement": null, "parent_id": null,
 "retry_of": null, "instalments": null,
 "amount": {"value": 38000, "currency": "CNY"}, "amount_is": "exact", "balance_before": null,
 "payer": {"payer_id": "c_17", "account_created_at": "2024-03-02T00:00:00Z",
           "contact_changed_at": null, "email": null, "phone": null},
 "payee": {"payee_id": "p_77", "type": "merchant", "name": "Lin's Phones", "account": "acf_01J9",
           "name_check": "close_match", "added_at": null},
 "instrument": {"instrument_id": "ins_01J9", "type": "card", "network": "unionpay",
                "funding": "debit", "bin": "621700", "issuer_country": "CN",
                "billing_country": null, "added_at": null},
 "device": {"device_id": "d_5", "session_id": "s_1", "platform": "android", "ip": "203.0.113.9",
            "user_agent": null, "ip_country": null, "language": "zh-CN",
            "timezone": "Asia/Shanghai", "integrity": "passed", "remote_access": false,
            "call_active": false},
 "authentication": {"sign_in": "password", "at": "2026-11-23T08:01:00Z", "three_ds": null},
 "order": {"order_id": "8831", "total": {"value": 38000, "currency": "CNY"},
           "items": [{"sku": "A1", "quantity": 1,
                      "amount": {"value": 38000, "currency": "CNY"}, "category": "phones"}],
           "shipping": {"address_id": "adr_01J9", "country": "CN", "method": "express"},
           "quote": null},
 "entry": "app", "channel": "mobile_app", "mcc": "5732", "metadata": {}}
"""

ANSWER = """
{"id": "pay_01J9", "reference": "ord-8831-1", "status": "challenge_required",
 "outcome": "challenge", "reason_code": "new_payee",
 "amounts": {"currency": "CNY", "requested": 38000, "executed": 0, "captured": 0, "settled": 0,
             "released": 0, "refunded": 0, "charged_back": 0, "lost": 0, "recovered": 0},
 "assessment": {"id": "asm_01J9", "stage": "pre_payment", "score": 534, "risk_level": "high",
   "strategy": "str_12", "arm": "champion", "degraded": [],
   "reasons": [{"code": "new_payee", "text": "First payment to this payee", "for_payer": true}],
   "explanation": {
     "basis": "model",
     "probabilities": {"normal": 0.61, "scam": 0.31, "unauthorized": 0.06, "first_party": 0.02},
     "percentile_30d": 99.6, "expected_loss": {"value": 12540, "currency": "CNY"},
     "model": "sha256:5f1c",
     "contributions_to": "scam", "contributions_missing": null,
     "contributions": [{"feature": "payer_payee_count_30d", "text": "Payments", "value": 0,
                        "typical": "4", "contribution": 0.34}],
     "rules": [{"rule": "new_payee_drain", "version": 7, "result": "hit",
                "effect": "raise:challenge", "shown": "0.62 > 0.50"}],
     "counterfactuals": [{"change": {"level": 3}, "outcome": "approve"}], "exemption": null}},
 "challenge": {"id": "chl_01J9", "level": 3, "any_of": ["spc", "passkey"],
               "expires_at": "2026-11-23T08:17:31Z", "client_secret": "chs_..."},
 "warning": {"id": "wrn_01J9", "template": "scam.new_payee.v1", "client_secret": "wns_..."},
 "hold": null, "payment_token": null, "payment_token_state": null, "approval_expires_at": null,
 "liability": "provider",
 "receipt": {"leaf": "sha256:88aa", "log": "0", "index": 88121}}
"""
