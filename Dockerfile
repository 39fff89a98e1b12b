# fileorg in a container. How to build and use it: docs/install.md.
FROM python:3.13-slim-trixie AS build
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
COPY man /source/man
RUN python3 -m venv /opt/fileorg \
    && /opt/fileorg/bin/pip install --no-cache-dir --disable-pip-version-check /source

FROM python:3.13-slim-trixie
# The owner of the files: fileorg changes them as this user, never as root.
ARG UID=1000
ARG GID=1000
RUN groupadd --non-unique --gid "$GID" fileorg \
    && useradd --uid "$UID" --gid "$GID" --create-home fileorg \
    && install -d -m 700 -o "$UID" -g "$GID" /state \
    && install -d -o "$UID" -g "$GID" /data
COPY --from=build /opt/fileorg /opt/fileorg
ENV PATH=/opt/fileorg/bin:$PATH FILEORG_HOME=/state
USER $UID:$GID
VOLUME /state
WORKDIR /data
ENTRYPOINT ["fileorg"]
CMD ["--help"]
