# Baldur alone, 9 MB, to protect a container from within: build FROM it, or copy /baldur into an image of yours and put
# `/baldur run --` before its entrypoint. Needs no libraries, no root and no capability; native-agent/crates/inside says what
# each privilege adds.
FROM scratch
ADD baldur.tar /
COPY norn/rust.cdx.json /norn/rust.cdx.json
ENTRYPOINT ["/baldur", "run", "--"]
