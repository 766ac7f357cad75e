"""Build the package of the extension in workflows/azure-devops-extension: python .ci/vsix.py FILE.vsix

A VSIX is a zip by the Open Packaging Conventions. What is in it is what Microsoft's `tfx extension create` puts there:
extension.vsixmanifest for the Marketplace, extension.vsomanifest for Azure DevOps, [Content_Types].xml, and the files.
The same files always give the same bytes.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parents[1] / "workflows/azure-devops-extension"
VSX: Final = "http://schemas.microsoft.com/developer/vsx-schema/2011"
DESIGN: Final = "http://schemas.microsoft.com/developer/vsx-schema-design/2011"
TYPES: Final = "http://schemas.openxmlformats.org/package/2006/content-types"
CONTENT_TYPES: Final = {
    "js": "application/javascript",
    "json": "application/json",
    "md": "text/markdown",
    "png": "image/png",
    "vsixmanifest": "text/xml",
    "vsomanifest": "application/json",
}
FOR_AZURE_DEVOPS: Final = ("manifestVersion", "scopes", "contributions")


def build(target: Path) -> None:
    """Write the package; raises OSError, and KeyError where vss-extension.json lacks what it must say."""
    manifest = json.loads((HERE / "vss-extension.json").read_text(encoding="utf-8"))
    files = dict(_files(manifest))
    parts = {
        "extension.vsixmanifest": _xml(_vsix_manifest(manifest)),
        "extension.vsomanifest": json.dumps(
            {**{key: manifest[key] for key in FOR_AZURE_DEVOPS}, "contributionTypes": []}, indent=2
        ).encode(),
        **{name: file.read_bytes() for name, file in files.items()},
    }
    parts["[Content_Types].xml"] = _xml(_content_types(parts))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in sorted(parts.items()):
            package.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def _files(manifest: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    for path in _assets(manifest).values():
        yield path, HERE / path
    for declared in manifest["files"]:
        for file in sorted((HERE / declared["path"]).rglob("*")):
            if file.is_file():
                yield file.relative_to(HERE).as_posix(), file


def _assets(manifest: dict[str, Any]) -> dict[str, str]:
    """What the Marketplace shows, by the type of the asset."""
    base = "Microsoft.VisualStudio.Services"
    return {
        f"{base}.Icons.Default": manifest["icons"]["default"],
        f"{base}.Content.Details": manifest["content"]["details"]["path"],
        f"{base}.Content.License": manifest["content"]["license"]["path"],
    }


def _vsix_manifest(manifest: dict[str, Any]) -> ET.Element:
    root = ET.Element("PackageManifest", {"Version": "2.0.0", "xmlns": VSX, "xmlns:d": DESIGN})
    metadata = ET.SubElement(root, "Metadata")
    identity = {"Language": "en-US", "Id": manifest["id"], "Version": manifest["version"]}
    ET.SubElement(metadata, "Identity", {**identity, "Publisher": manifest["publisher"]})
    assets = _assets(manifest)
    for name, text in {
        "DisplayName": manifest["name"],
        "Description": manifest["description"],
        "Categories": ",".join(manifest["categories"]),
        "Tags": ",".join(manifest["tags"]),
        "GalleryFlags": "Public" if manifest["public"] else "",
        "Icon": assets["Microsoft.VisualStudio.Services.Icons.Default"],
        "License": assets["Microsoft.VisualStudio.Services.Content.License"],
    }.items():
        ET.SubElement(metadata, name).text = text
    installation = ET.SubElement(root, "Installation")
    for each in manifest["targets"]:
        ET.SubElement(installation, "InstallationTarget", {"Id": each["id"]})
    ET.SubElement(root, "Dependencies")
    listed = ET.SubElement(root, "Assets")
    for kind, path in {**assets, "Microsoft.VisualStudio.Services.Manifest": "extension.vsomanifest"}.items():
        asset = {"Type": kind, "d:Source": "File", "Path": path, "Addressable": "true"}
        ET.SubElement(listed, "Asset", asset)
    return root


def _content_types(parts: dict[str, bytes]) -> ET.Element:
    root = ET.Element("Types", {"xmlns": TYPES})
    for extension in sorted({name.rpartition(".")[2] for name in parts}):
        known = {"Extension": f".{extension}", "ContentType": CONTENT_TYPES[extension]}
        ET.SubElement(root, "Default", known)
    return root


def _xml(root: ET.Element) -> bytes:
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


if __name__ == "__main__":
    build(Path(sys.argv[1]))
