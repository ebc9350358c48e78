# syntax=docker/dockerfile:1
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY packages.txt ./
RUN apt-get update \
 && sed -n 's/^build: //p' packages.txt | xargs apt-get install -y --no-install-recommends \
 && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release && cmake --build --preset release --target weir \
 && strip build/release/weir

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libcaf-core0.17 libcpp-httplib0.11 libprometheus-cpp-core1.0 libsimdjson14 libsqlite3-0 \
      libyaml-cpp0.7 libspdlog1.10 libre2-9 zlib1g libzstd1 libisal2 libssl3 libpq5 curl \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 10001 -g 10001 /data /certs /authority
COPY --from=build /src/build/release/weir /usr/local/bin/weir
COPY --from=build /src/configs /etc/weir
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 8080 8081
# The root file system may be read-only: weir writes under /data only.
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s --retries=3 \
  CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/readyz"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["weir"]
CMD ["run", "--config", "/etc/weir/container.yaml"]
