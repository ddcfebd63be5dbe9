#!/bin/sh
# What the containers must find before they start, made once: secrets, an authority with certificates, and deploy/dovecot-2.3
# and -2.4 with this site's values. What is there already stays; to make it anew, remove the volumes.
#
#   setup.sh DEPLOY OUT      DEPLOY: the folder deploy/ · OUT: a folder for each volume
set -eu
umask 077
deploy=$1
out=$2

random() { openssl rand -hex 24; }

# A secret, in the folders of all who need it.
secret() { # NAME FOLDER...
  name=$1
  shift
  [ -s "$out/$1/$name" ] || random >"$out/$1/$name.new"
  [ -s "$out/$1/$name" ] || mv "$out/$1/$name.new" "$out/$1/$name"
  first=$1
  for folder in "$@"; do
    [ "$folder" = "$first" ] || cp "$out/$first/$name" "$out/$folder/$name"
  done
}

mkdir -p "$out/homing" "$out/mariadb" "$out/valkey" "$out/ca" "$out/proxy" "$out/backend1" "$out/backend2"

secret api_token homing
secret database_password mariadb homing
secret root_password mariadb
secret replication_password mariadb
secret valkey_password homing
printf 'requirepass %s\nsave ""\nappendonly no\nmaxmemory 128mb\nmaxmemory-policy allkeys-lru\n' \
  "$(cat "$out/homing/valkey_password")" >"$out/valkey/valkey.conf"

if [ ! -s "$out/ca/ca.pem" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj '/CN=homing compose' \
    -keyout "$out/ca/ca.key" -out "$out/ca/ca.pem" 2>/dev/null
fi

certificate() { # HOST
  [ -s "$out/$1/$1.pem" ] && return
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
    -keyout "$out/$1/$1.key" -out "$out/ca/$1.csr" 2>/dev/null
  printf 'subjectAltName=DNS:%s,DNS:localhost\nextendedKeyUsage=serverAuth\n' "$1" >"$out/ca/$1.ext"
  openssl x509 -req -in "$out/ca/$1.csr" -CA "$out/ca/ca.pem" -CAkey "$out/ca/ca.key" -CAcreateserial -days 825 \
    -extfile "$out/ca/$1.ext" -out "$out/$1/$1.pem" 2>/dev/null
}

dovecot() { # HOST VERSION MAIN URL
  host=$1
  folder=$out/$1
  certificate "$host"
  cp -R "$deploy/dovecot-$2/." "$folder/"
  cp "$folder/$3.conf" "$folder/dovecot.conf"
  cp "$out/ca/ca.pem" "$folder/ca.pem"
  token=$(cat "$out/homing/api_token")
  sed -i -e "s|^local url = .*|local url = '$4'|" -e "s|^local token = '' |local token = '$token' |" "$folder/auth.lua"
  sed -i \
    -e "s|/etc/ssl/certs/mail.example.com.pem|/etc/dovecot/$host.pem|" \
    -e "s|/etc/ssl/private/mail.example.com.key|/etc/dovecot/$host.key|" \
    -e "s|/etc/ssl/certs/ca-certificates.crt|/etc/dovecot/ca.pem|" \
    -e "s|^  url = .*|  url = $4|" -e "s|^  #token = .*|  token = $token|" \
    -e "s|^#login_trusted_networks = .*|login_trusted_networks = 172.28.53.20|" \
    "$folder/site.conf"
  # In a container the log is its output.
  printf 'log_path = /dev/stderr\n' >>"$folder/site.conf"
  # Its auth-workers run without root, and read the Lua files.
  chmod 755 "$folder"
  chmod 644 "$folder/ca.pem" "$folder/master.lua" "$folder/homing-socket.lua"
  if id dovecot >/dev/null 2>&1; then chgrp dovecot "$folder/auth.lua" && chmod 640 "$folder/auth.lua"; fi
}

# HAProxy by its address: at one auth.lua asks over plain sockets (homing-socket.lua).
dovecot proxy 2.3 proxy http://172.28.53.8:8090
dovecot backend1 2.4 backend http://homing-backends:8080
dovecot backend2 2.4 backend http://homing-backends:8080
# A proxy believes nobody about clients.
sed -i 's|^login_trusted_networks|#&|' "$out/proxy/site.conf"

# 10001 is Homing's user, 999 that of MariaDB's and Valkey's images.
if [ "$(id -u)" = 0 ]; then
  chown -R 10001:10001 "$out/homing"
  chown -R 999:999 "$out/mariadb" "$out/valkey"
fi
