# Dovecot as Debian has it: bookworm is 2.3, trixie is 2.4. The versions that Homing is tested with.
ARG DEBIAN=bookworm
FROM debian:${DEBIAN}-slim
# The same numbers in both: setup.sh gives files to Dovecot's group.
RUN groupadd -r -g 900 dovecot && useradd -r -u 900 -g 900 -d /usr/lib/dovecot -s /usr/sbin/nologin dovecot \
 && groupadd -r -g 901 dovenull && useradd -r -u 901 -g 901 -d /nonexistent -s /usr/sbin/nologin dovenull \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      dovecot-core dovecot-auth-lua lua-socket dovecot-imapd dovecot-pop3d dovecot-lmtpd openssl \
 && rm -rf /var/lib/apt/lists/* /etc/dovecot \
 && groupadd -g 5000 vmail && useradd -u 5000 -g 5000 -d /var/vmail -m vmail
VOLUME /var/vmail
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s CMD ["doveadm", "service", "status", "auth"]
# Its master process needs root, to become the users whose mail it serves.
CMD ["dovecot", "-F"]
