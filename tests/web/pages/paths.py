"""The pages of flags that every test of looks and of markup opens."""

FLAG_PAGES = (
    "/flags",
    "/flags?set=shop&state=disabled",
    "/flags?state=removed",
    "/flags?q=nothing",
    "/flags/new",
    "/flags/shop/new-cart",
    "/flags/shop/checkout-open",
    "/flags/shop/old-banner",
    "/flags/shop/new-cart/edit",
    "/flags/shop/new-cart/versions/2",
    "/flags/shop/new-cart/toggle",
    "/flags/shop/new-cart/remove",
    "/flags/shop/new-cart/copy?to=staging",
    "/flags/shop/new-cart/copy?to=night",
    "/flags/shop/new-cart/plan",
    "/flags/shop/checkout-open/drill",
    "/flag-plans",
    "/flag-plans/1",
)
