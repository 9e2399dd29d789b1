#!/bin/sh
# Make the certificates of mutual TLS between a Triton on the network and its clients.
# Usage: scripts/make_certificates.sh FOLDER [NAME ...]
#   scripts/make_certificates.sh certificates gpu-box.example.com 10.0.0.7
#
# Makes FOLDER with ca.crt, server.crt and server.key (for the machine of Triton, whose host names
# and addresses are the NAMEs; localhost is always one), client.crt and client.key. An existing
# authority (ca.crt, ca.key) is used again. Keep ca.key off both machines: whoever has it can make
# certificates. On each machine set triton.tls.ca, triton.tls.certificate and triton.tls.key.
set -eu
umask 077

[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$1
shift
mkdir -p "$folder"
cd "$folder"
days=825

names=DNS:localhost,IP:127.0.0.1,IP:::1
for name in "$@"; do
    case $name in
        *:*) names=$names,IP:$name ;;
        *[!0-9.]*) names=$names,DNS:$name ;;
        *) names=$names,IP:$name ;;
    esac
done

new_key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

# certificate FILE COMMON_NAME EXTENSIONS
certificate() {
    new_key "$1.key"
    printf '%s\n' "$3" >extensions
    openssl req -new -key "$1.key" -subj "/CN=$2" |
        openssl x509 -req -CA ca.crt -CAkey ca.key -days "$days" -sha256 -extfile extensions \
            -set_serial "0x$(openssl rand -hex 16)" -out "$1.crt" 2>errors || { cat errors >&2; exit 1; }
    rm -f extensions errors
}

if [ ! -e ca.key ]; then
    new_key ca.key
    openssl req -x509 -new -key ca.key -subj "/CN=vdx authority" -days "$days" -sha256 \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.crt
fi
# The server's machine uses its certificate as a client of itself, too.
certificate server "vdx triton" "basicConstraints=CA:FALSE
subjectAltName=$names
extendedKeyUsage=serverAuth,clientAuth"
certificate client "vdx client" "basicConstraints=CA:FALSE
extendedKeyUsage=clientAuth"
echo "made $(pwd)"
