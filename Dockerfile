FROM python:3.11-slim-bookworm AS build
# The default torch wheel for Linux brings CUDA. To build a smaller image for CPUs only, name the
# index of PyTorch's CPU wheels: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/sctflow
WORKDIR /src
COPY . .
RUN /opt/sctflow/bin/pip install -c constraints.txt ".[validate]"

FROM python:3.11-slim-bookworm
# graphviz draws --write-graph; libgomp1 is the OpenMP runtime.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends graphviz libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 sctflow
COPY --from=build /opt/sctflow /opt/sctflow
# A run under another user id (docker run --user) has no home of its own: one that all can write.
RUN mkdir -p /home/sctflow/.cache && chmod -R a+rwX /home/sctflow
ENV PATH=/opt/sctflow/bin:$PATH \
    HOME=/home/sctflow \
    MPLBACKEND=Agg \
    PYTHONNOUSERSITE=1 \
    PYTHONUNBUFFERED=1
USER 1000:1000
WORKDIR /home/sctflow
ENTRYPOINT ["/opt/sctflow/bin/sctflow"]
CMD ["--help"]
