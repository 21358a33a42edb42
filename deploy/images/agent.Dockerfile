# Baldur and Tyr: what protects a host. It runs as root, with the capabilities that deploy/helm/norn-agent names one by one.
# The base has glibc, libstdc++ and a shell; nothing is run in it to build.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
COPY node baldur baldur-on-host /usr/local/bin/
COPY norn /norn
ENV NODE_ENV=production \
    NORN_CODE_CACHE=/norn/code \
    NORN_BALDUR_PATH=/usr/local/bin/baldur
WORKDIR /norn
ENTRYPOINT ["/usr/local/bin/node", "--disable-warning=TimeoutNegativeWarning", "--disable-sigusr1", "--import", "/norn/deploy/runtime/register.mjs"]
CMD ["/norn/native-agent/tyr/src/main.ts"]
