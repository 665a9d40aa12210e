# Two stages. The first sets up everything, as `make` does, and builds the embedding model; the second takes the model
# and the packages that answering needs, without torch: a small image that needs no network, neither to start nor to
# run. What is in the image and how to run it: docs/operations.md

FROM debian:12.12-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# First what changes seldom: the packages, so that a change of the code does not fetch them again.
COPY Makefile pyproject.toml requirements.lock README.md ./
COPY scripts/maintain/answering.py scripts/maintain/
RUN make VENV=/opt/build /opt/build/.packages \
    && /opt/build/bin/python -m scripts.maintain.answering > /answering.lock \
    && python3 -m venv --without-pip /opt/rag \
    && /opt/build/bin/python -m pip --python /opt/rag/bin/python install --no-cache-dir --no-deps -r /answering.lock
COPY rag rag
RUN /opt/build/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /opt/build/bin/python -m pip --python /opt/rag/bin/python install --no-cache-dir --no-deps /wheel/*.whl
# Ingesting builds the model, packs the dictionary and checks the one against float32.
COPY seeds seeds
ENV RAG_CACHE=/opt/model RAG_LANGUAGE=en
RUN /opt/build/bin/python -m rag ingest --quiet --store /tmp/vectorstore seeds

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
