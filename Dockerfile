# Linted by hadolint in every test run. Not built there: that machine has no container engine
# and no registry, so neither the build nor a digest could be checked. Pin the digest that your
# registry shows when you build: FROM python:3.11.14-slim-bookworm@sha256:...
FROM python:3.11.14-slim-bookworm AS build

ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/payguard \
    UV_PYTHON_DOWNLOADS=never

WORKDIR /build

RUN pip install --no-cache-dir uv==0.13.9

# Dependencies first: they change less often than the code. Exact versions of all of them stand
# in pyproject.toml; xgboost comes as its CPU build.
COPY pyproject.toml README.md LICENSE ./
RUN uv sync --no-dev --extra data --extra postgres --no-install-project

COPY keys ./keys
COPY risk ./risk
COPY service ./service
RUN uv sync --no-dev --extra data --extra postgres --no-editable

FROM python:3.11.14-slim-bookworm

ENV PATH="/opt/payguard/bin:$PATH" \
    PAYGUARD_HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# pg_dump and pg_restore for backups of PostgreSQL: they serve servers up to their own version, 15.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client=15* \
    && rm -rf /var/lib/apt/lists/*

RUN groupadd --system --gid 10001 payguard \
    && useradd --system --uid 10001 --gid payguard --no-create-home --shell /usr/sbin/nologin payguard \
    && install --directory --owner=payguard --group=payguard --mode=0700 \
        /srv/payguard/payguard-data /srv/payguard/payguard-data-checkpoints

COPY --from=build /opt/payguard /opt/payguard

# The default data folder of `payguard serve` lies under the folder it starts in.
WORKDIR /srv/payguard
VOLUME ["/srv/payguard/payguard-data", "/srv/payguard/payguard-data-checkpoints"]

USER 10001:10001

EXPOSE 8080

HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('PAYGUARD_PORT', '8080') + '/livez', timeout=2).read()"]

CMD ["payguard", "serve"]
