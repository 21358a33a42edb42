# Baldur and Tyr: what protects a host. It runs as root, with the capabilities that deploy/helm/norn-agent names one by one.
# Any base with glibc and libstdc++ will do; nothing is run in it to build.
ARG BASE=gcr.io/distroless/cc-debian12
FROM ${BASE}
COPY node /usr/local/bin/node
COPY baldur /usr/local/bin/baldur
COPY norn /norn
ENV NODE_ENV=production \
    NORN_CODE_CACHE=/norn/code \
    NORN_BALDUR_PATH=/usr/local/bin/baldur
WORKDIR /norn
ENTRYPOINT ["/usr/local/bin/node", "--disable-warning=TimeoutNegativeWarning", "--import", "/norn/deploy/runtime/register.mjs"]
CMD ["/norn/native-agent/tyr/src/main.ts"]
