"""How a failure is mended on one platform, where more can be said than its code says. Keys: code, name of a Platform.

Sources: the vendors' documentation of the settings that are named, and the deployments of this repository.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSIONS: Final = "Amazon S3, Cloudflare R2, MinIO, Ceph and SeaweedFS hold them in their present versions"
_S3_CONDITIONS: Final = (
    f"This server ignores If-None-Match or If-Match of PutObject. Bring it up to date ({_VERSIONS}), or take another "
    "one. Publish nothing to it until then."
)
_AWS_CONDITIONS: Final = (
    "Amazon S3 holds conditions by itself: look what stands between, such as a gateway named as endpoint, and compare "
    "the bucket policy's s3:if-none-match and s3:if-match conditions."
)
_FOLDER_LINKS: Final = (
    "Use a file system with hard links, atomic renames and flock, such as ext4, xfs or NFS 4; not a "
    "synchronised folder, "
    "and no FUSE mount of a bucket: name the bucket itself."
)
_GCS_CONDITIONS: Final = (
    "Google holds ifGenerationMatch by itself: look what stands behind 'endpoint', such as an emulator or a proxy that "
    "drops queries."
)
_AZURE_CONDITIONS: Final = (
    "Azure holds If-None-Match and If-Match by itself: look what stands behind 'endpoint', such as an emulator or a "
    "proxy that drops headers."
)
_CONDITIONS: Final = {
    "FOLDER": _FOLDER_LINKS,
    "AWS": _AWS_CONDITIONS,
    "S3": _S3_CONDITIONS,
    "GCS": _GCS_CONDITIONS,
    "AZURE": _AZURE_CONDITIONS,
}

_BY_CODE: Final[Mapping[str, Mapping[str, str]]] = {
    "DIA010": {
        "FOLDER": "Make the folder one that this user may read and write, or name another one in registry.yaml.",
        "AWS": "Allow s3:ListBucket on the bucket, s3:GetObject, s3:PutObject and s3:DeleteObject on its "
        "objects to the "
        "identity of 'aws sts get-caller-identity'; compare region and auth. deployments/aws makes such a role.",
        "S3": "Compare endpoint, region, path_style and the keys with those that the server's owner issued.",
        "GCS": "Give the service account roles/storage.objectUser on the bucket, or run 'gcloud auth "
        "application-default login'. deployments/google makes such an account.",
        "AZURE": "Give the identity 'Storage Blob Data Contributor' on the container, not only 'Contributor' on the "
        "account. deployments/azure makes such an identity.",
    },
    "DIA012": _CONDITIONS,
    "DIA013": _CONDITIONS,
    "DIA014": _CONDITIONS,
    "DIA015": _CONDITIONS,
    "DIA017": _CONDITIONS
    | {
        "S3": "This server ignores If-Match of DeleteObject. Bring it up to date, or let one publisher at a time write "
        "to it and run gc by hand.",
    },
    "DIA018": {
        "AWS": "Allow s3:ListBucket on the bucket to the publisher.",
        "S3": "Allow ListBucket to the key, and look whether the server lists a new object at once.",
        "GCS": "Give the service account storage.objects.list: roles/storage.objectUser has it.",
        "AZURE": "Give the identity 'Storage Blob Data Contributor', which may list.",
    },
    "DIA020": {
        "AWS": "Allow s3:DeleteObject to the publisher, and switch Object Lock off for this bucket.",
        "S3": "Allow DeleteObject to the key, and switch Object Lock off for this bucket.",
        "GCS": "Give roles/storage.objectUser, and remove the bucket's retention policy and default holds.",
        "AZURE": "Give 'Storage Blob Data Contributor', and remove the container's immutability policy.",
        "FOLDER": "Give this user the right to delete in the folder, and look for files that are marked immutable.",
    },
    "DIA023": {
        "AWS": "Turn on Block Public Access for this bucket (aws s3api put-public-access-block), and remove Principal "
        '"*" from its policy.',
        "S3": "Remove the anonymous policy of this bucket.",
        "GCS": "Remove allUsers and allAuthenticatedUsers from the bucket's IAM policy, and enforce public access "
        "prevention on it.",
        "AZURE": "Set the container's public access level to Private, and allowBlobPublicAccess of its account "
        "to false.",
    },
    "DIA031": {
        "CLOUDFRONT": "Let the default behaviour read the bucket from its root (origin_path is its prefix): "
        "deployments/aws/cdn.tf.",
        "NGINX": "Set 'default_type application/json;' in 'location = /.well-known/terraform.json', and let no "
        "rule for "
        "hidden files hide it: deployments/nginx/folder.conf.",
        "CADDY": "Set Content-Type application/json on /.well-known/terraform.json, and let no rule for hidden files "
        "hide it: deployments/caddy/Caddyfile.",
        "CLOUDFLARE": "On Pages upload the folder .well-known too; on R2 the object's own type counts.",
    },
    "DIA033": {
        "CLOUDFRONT": "S3 says 403 for a missing object to whom may not list: allow s3:ListBucket on the public bucket "
        "to this distribution in the bucket policy, and let no custom error response turn errors into pages.",
        "CLOUD_CDN": "Google says 403 for a missing object to whom may not list: give allUsers "
        "roles/storage.objectViewer on the public bucket, which may.",
        "FRONT_DOOR": "Set the public container's access level to Blob: without it Azure answers 404 or 409 for "
        "everything. Let no rule redirect errors.",
        "CLOUDFLARE": "On Pages put a 404.html into what is uploaded: without one every missing path is answered with "
        "index.html and 200.",
        "NGINX": "Write 'try_files $uri =404;', no fallback to a page, and in front of a bucket 'error_page 403 "
        "404 =404 "
        "@missing;': deployments/nginx.",
        "CADDY": "In front of a bucket answer 403 with 'error 404' (handle_response), and use no try_files fallback: "
        "deployments/caddy/Caddyfile.",
    },
    "DIA034": {
        "CLOUDFRONT": "CloudFront keeps errors for 10 seconds unless told otherwise: add custom error responses "
        "for 403 "
        "and 404 with an error caching minimum TTL of 0 (error_caching_min_ttl in deployments/aws/cdn.tf).",
        "CLOUD_CDN": "Set negativeCaching to false and cacheMode to USE_ORIGIN_HEADERS on the backend bucket.",
        "FRONT_DOOR": "Let the rule set override no cache duration for errors, and send Cache-Control: no-store with "
        "them from the origin.",
        "CLOUDFLARE": "Cloudflare keeps a 404 for three minutes: add a cache rule with status code TTL 'no store' for "
        "400 to 599.",
        "NGINX": "Send 'Cache-Control: no-store' with errors (add_header … always), and set no "
        "proxy_cache_valid for 404.",
        "CADDY": "Send 'Cache-Control no-store' in handle_errors: deployments/caddy/Caddyfile.",
    },
    "DIA035": {
        "CLOUDFRONT": "Add a behaviour for v1/modules/*/download with a response headers policy that sets "
        "X-Terraform-Get: ./get.html (deployments/aws/cdn.tf).",
        "CLOUD_CDN": "Add a backend bucket with the custom response header 'X-Terraform-Get: ./get.html', and a route "
        "rule for /v1/modules/*/*/*/*/download that leads to it (deployments/google/cdn.tf).",
        "FRONT_DOOR": "Add a rule: path begins with v1/modules/ and ends with /download, overwrite the response header "
        "X-Terraform-Get with ./get.html (deployments/azure/cdn.tf).",
        "CLOUDFLARE": "On Pages use _headers (deployments/static-hosts); elsewhere add a response header "
        "transform rule "
        "for paths /v1/modules/*/download: X-Terraform-Get: ./get.html.",
        "NGINX": "Map $uri of downloads to ./get.html and send it with add_header; an add_header inside a "
        "location drops "
        "those outside (deployments/nginx/rules.conf).",
        "CADDY": "header @download X-Terraform-Get ./get.html, where @download is path_regexp "
        "^/v1/modules/.+/download$ (deployments/caddy/Caddyfile).",
    },
    "DIA037": {
        "CLOUDFRONT": "Set 'compress' to false in the behaviours of archives (deployments/aws/cdn.tf).",
        "CLOUD_CDN": "Set compressionMode to DISABLED, and store no object with Content-Encoding: gzip.",
        "FRONT_DOOR": "Take application/gzip, application/zip and application/octet-stream out of the types that are "
        "compressed.",
        "CLOUDFLARE": "Add a compression rule that switches it off for *.tar.gz and *.zip.",
        "NGINX": "List JSON, HTML and text in gzip_types, not application/gzip, application/zip or "
        "octet-stream, and not *. "
        "Leave 'gunzip' and 'gzip_static' off for archives.",
        "CADDY": "Name the types in 'encode gzip { match … }', as deployments/caddy/Caddyfile does.",
    },
    "DIA038": {
        "CLOUDFRONT": "Use a cache policy with minimum and default TTL 0: the objects say how long.",
        "CLOUD_CDN": "Set cacheMode to USE_ORIGIN_HEADERS and serveWhileStale to 0.",
        "FRONT_DOOR": "Override listings with 1 minute and documents with 5: deployments/azure/cdn.tf.",
        "CLOUDFLARE": "Set browser and edge TTL to 'respect origin'.",
        "NGINX": "Send the rules of deployments/nginx/rules.conf, and no 'expires'.",
        "CADDY": "Send the rules of deployments/caddy/Caddyfile.",
    },
}

FIXES: Final[Mapping[tuple[str, str], str]] = {
    (code, platform): text for code, by_platform in _BY_CODE.items() for platform, text in by_platform.items()
}
