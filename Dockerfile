# Two images, see doc/docker.md. The last stage, which `docker compose up --build` builds: Postfix with
# greylist in it. The stage `daemon` (`docker build --target daemon .`): greylist alone.
#
# BASE_IMAGE, for the one with Postfix, needs Postfix, rsyslog and a POSIX shell; its C library may be of any age.
ARG BASE_IMAGE=phplist/postfix

FROM denoland/deno:2.9.6 AS build
WORKDIR /build

# What comes from the network, in a layer that a change of source leaves alone: the packages, and what
# `deno bundle` and `deno compile` fetch when they are first used.
COPY deno.json deno.lock ./
RUN deno install --frozen \
    && echo 'export {};' >/tmp/empty.ts \
    && deno bundle --quiet --output /tmp/empty.js /tmp/empty.ts \
    && deno compile --quiet --output /tmp/empty /tmp/empty.js \
    && rm /tmp/empty*

COPY tools tools
COPY lib lib
COPY main.ts ./
RUN deno task compile && tools/carry-libc dist/greylist && /usr/local/lib/greylist/ld --version | head -n 1

# What else the image without Postfix has: how to look up names (without this file an older C library asks DNS
# before /etc/hosts), where the state is if nothing else is said, and the folder for it.
RUN mkdir -p /daemon/etc/greylist /daemon/var/lib/greylist \
    && echo 'hosts: files dns' >/daemon/etc/nsswitch.conf \
    && echo 'store = sqlite:/var/lib/greylist/state.db' >/daemon/etc/greylist/greylist.conf

# greylist alone, for a Postfix in another container: no shell, no package, no other program.
FROM scratch AS daemon
COPY --from=build /usr/local/lib/greylist /usr/local/lib/greylist
COPY --from=build /daemon/etc /etc
COPY postfix/whitelist_clients postfix/whitelist_senders postfix/whitelist_recipients /etc/greylist/
# A new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /daemon/var/lib/greylist /var/lib/greylist
# The C library is found by LD_LIBRARY_PATH: the launcher that sets it in the other image needs a shell. At
# 127.0.0.1, its default, greylist could be asked from within its container only.
ENV PATH=/usr/local/lib/greylist LD_LIBRARY_PATH=/usr/local/lib/greylist \
    GREYLIST_MODE=daemon GREYLIST_LISTEN=inet:0.0.0.0:10023
# A number: Kubernetes cannot tell from a name that it is not root.
USER 65532:65532
VOLUME /var/lib/greylist
EXPOSE 10023/tcp
HEALTHCHECK --start-period=10s --timeout=10s CMD ["greylist", "query", "--state", "CONNECT"]
ENTRYPOINT ["greylist"]

FROM ${BASE_IMAGE}

# For reading and sending mail by hand; everything else works without it. The package source of an old
# base image may be gone, so this must not fail the build.
RUN export DEBIAN_FRONTEND=noninteractive; \
    if ! command -v mail >/dev/null 2>&1 \
        && ! { apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=20 update \
            && apt-get -q -y -o Acquire::http::Timeout=20 --no-install-recommends install mailutils; }; then \
        echo "NOTE: mailutils is not installed: the package source of the base image does not answer." >&2; \
        echo "NOTE: Mail is received all the same, in /var/mail; only the command 'mail' is missing." >&2; \
    fi; \
    rm -rf /var/lib/apt/lists/*

COPY --from=build /usr/local/lib/greylist /usr/local/lib/greylist
COPY postfix/image/launcher /usr/local/bin/greylist
COPY postfix/image/entrypoint postfix/image/add-users postfix/image/health postfix/image/rotate-log \
    /usr/local/lib/greylist/
COPY postfix/image/rsyslog.conf /etc/rsyslog.d/10-greylist.conf
COPY postfix/main.cf postfix/master.cf /etc/postfix/
COPY postfix/whitelist_clients postfix/whitelist_senders postfix/whitelist_recipients /etc/greylist/

# greylist runs as a user that owns nothing but its state, for those who keep it in a file.
RUN (useradd -r -M -d /var/lib/greylist -s /usr/sbin/nologin greylist 2>/dev/null \
        || adduser -S -D -H -h /var/lib/greylist greylist) \
    && mkdir -p /var/lib/greylist /run/greylist \
    && chown greylist /var/lib/greylist /run/greylist \
    && chmod 750 /var/lib/greylist \
    && { ! [ -e /etc/rsyslog.conf ] || sed -i 's/^[^#]*\(imklog\|KLog\)/# no kernel in a container: &/' /etc/rsyslog.conf; } \
    && chmod 644 /etc/postfix/*.cf /etc/greylist/* /etc/rsyslog.d/10-greylist.conf \
    && greylist --version

ARG MAIL_USERS="alexandre robin lucas axel massi logan"
RUN /usr/local/lib/greylist/add-users $MAIL_USERS

EXPOSE 25/tcp
HEALTHCHECK --start-period=30s --timeout=10s CMD ["/usr/local/lib/greylist/health"]
ENTRYPOINT ["/usr/local/lib/greylist/entrypoint"]
# The base image's own command, which naming an entrypoint takes away.
CMD ["sh", "-c", "service rsyslog start ; service postfix start ; tail -F /var/log/mail.log"]
