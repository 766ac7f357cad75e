"""Codes of the doctor: one for each check."""

from registry_gen.errors import Code

_TRY_AGAIN = "Then run 'registry-gen doctor' again."
_CHECKSUM = "Clients compare it with a digest"

STATE = Code(
    "DIA001",
    "the state folder cannot be used",
    "Private keys, caches and what is on its way to the bucket lie there.",
    f"Make it a folder of the user who runs registry-gen, with room on its disk. {_TRY_AGAIN}",
)
LEDGER = Code(
    "DIA002",
    "the ledger cannot be used",
    "Nothing is published that the ledger does not know of.",
    f"Start the database, or, with 'ledger: bucket', mend the private storage; compare 'ledger' in registry.yaml with "
    f"where it is. {_TRY_AGAIN}",
)
MIGRATIONS = Code(
    "DIA003",
    "the ledger's tables are not those of this version",
    "Each version brings the tables that it works with.",
    "Run 'registry-gen ledger migrate'; publish does it, too.",
)
KEYS = Code(
    "DIA004",
    "a private key cannot be read",
    "Without it nothing can be published, and another one would look to clients like another registry.",
    f"Compare 'signing' in registry.yaml with where the key is, and who may read it. {_TRY_AGAIN}",
)
OTHER_BUCKET = Code(
    "DIA005",
    "ledger and bucket are not those of one registry",
    "Publishing would overwrite what another ledger knows.",
    "Compare 'ledger' and 'storage.public' in registry.yaml with those that were published with.",
)
OTHER_SITE = Code(
    "DIA006",
    "the discovery document is not that of site.url",
    "Clients follow it to where the registry's protocols are.",
    "Correct site.url in registry.yaml, or run 'registry-gen publish', which writes the document anew.",
)
NO_ACCESS = Code(
    "DIA010",
    "the storage does not answer as its owner",
    "Everything else needs it: who we are must be shown, and the bucket must be there.",
    "Compare 'storage' in registry.yaml with the bucket, its place and the credentials.",
)
NOT_KEPT = Code(
    "DIA011",
    "what was written does not come back",
    "What was put must be there at once, byte for byte: a publisher reads what it wrote.",
    "Put no cache between registry-gen and the bucket, and none that answers with former contents.",
)
OVERWRITES = Code(
    "DIA012",
    "an object that must not be overwritten was",
    "A version never changes once it is published. Of two publishers the second must be refused, by the storage "
    "itself.",
    "Use a storage that holds conditions on writes; docs/storage.md names some.",
)
RACES = Code(
    "DIA013",
    "of two writers at once not exactly one wins",
    "Two publishers at once would each believe that their bytes are what clients get.",
    "Use a storage that holds conditions on writes against each other, also while another write is on its way.",
)
SWAPS_BLINDLY = Code(
    "DIA014",
    "a document was replaced although it had changed",
    "Compare-and-swap keeps a slow publisher from undoing what a later one wrote.",
    "Use a storage that compares If-Match of a write with what is there.",
)
SWAP_RACES = Code(
    "DIA015",
    "of two that swap one document not exactly one wins",
    "The other one believes that its document is there, and it is not.",
    "Use a storage that holds conditions on writes against each other, also while another write is on its way.",
)
ETAG_STAYS = Code(
    "DIA016",
    "a document changed and its etag did not",
    "Who swaps a document names the one that it knows by its etag.",
    "Use a storage whose etags change with the contents.",
)
DELETES_BLINDLY = Code(
    "DIA017",
    "a document was deleted although it had changed",
    "What is taken away must be what was looked at: a later publisher's document would be lost.",
    "Use a storage that compares If-Match of a deletion with what is there.",
)
NOT_LISTED = Code(
    "DIA018",
    "a listing of the bucket lacks what was written",
    "fsck and the rebuilding of a ledger find objects by listing.",
    "Allow the bucket to be listed, and use a storage that lists an object as soon as it is there.",
)
LABELS = Code(
    "DIA019",
    "content type or cache rule are not kept with an object",
    "Clients and caches go by both, wherever the bucket is served without a server that sets them.",
    "Use a storage that keeps Content-Type and Cache-Control as they were sent, and no rule that rewrites them.",
)
NOT_DELETED = Code(
    "DIA020",
    "what was deleted is still there",
    "What is withdrawn or secret must be able to go.",
    "Allow deletions, and set no retention lock or legal hold on what the registry writes.",
)
STORAGE_CLOCK = Code(
    "DIA021",
    "this machine's clock and the storage's differ",
    "Signed requests are refused where they differ much, and gc waits by the clock.",
    "Set this machine's clock, best by NTP.",
)
LEFTOVERS = Code(
    "DIA022",
    "something of the scratch folder could not be removed",
    "It harms nobody, but it stays.",
    "Allow deletions; the next doctor removes what is older than an hour.",
)
PRIVATE_ANSWERS = Code(
    "DIA023",
    "the private storage answers without credentials",
    "It holds the registry's state, and packages that not everybody may have.",
    "Take public access away from the bucket or container.",
)
UNREACHABLE = Code(
    "DIA030",
    "the public URL does not answer",
    "Terraform and OpenTofu want https with a certificate that a known authority signed for this name.",
    "Compare DNS, certificate and firewall with the URL. An authority of your own goes into network.ca_file.",
)
DISCOVERY = Code(
    "DIA031",
    "clients cannot read the discovery document",
    "It must be at the root of the host, as application/json, and lead to this registry, each path with a slash at its "
    "end.",
    "Serve '/.well-known/terraform.json' of the bucket at the root of the host, with its own Content-Type.",
)
NOT_PUBLIC = Code(
    "DIA032",
    "the public URL does not show the public storage",
    "What is published there is not what clients get.",
    "Let the server behind the URL read the bucket, folder or prefix of storage.public, all keys below it.",
)
MISSING = Code(
    "DIA033",
    "a missing key is not answered with 404",
    "Clients take 404 for 'not here', 401 and 403 for 'log in first', and a page with 200 for what they asked for.",
    "Answer 404 where there is no object.",
)
MISSING_CACHED = Code(
    "DIA034",
    "a 404 is kept by a cache",
    "A document that was asked for a moment too early would stay missing after it was published.",
    "Let no cache keep answers with an error: Cache-Control: no-store on them.",
)
NO_HEADER = Code(
    "DIA035",
    "X-Terraform-Get is not as Terraform needs it",
    "Terraform finds a module by this header alone: without it no module installs.",
    "Add 'X-Terraform-Get: ./get.html' to answers under v1/modules/*/download.",
)
HEADER_ELSEWHERE = Code(
    "DIA036",
    "X-Terraform-Get is where it does not belong",
    "On the page that it names it makes Terraform go round in circles; elsewhere it misleads.",
    "Restrict the header to paths v1/modules/*/download.",
)
ENCODED = Code(
    "DIA037",
    "an archive is compressed on the way",
    f"{_CHECKSUM} after they took the encoding off: a .tar.gz with Content-Encoding: gzip breaks.",
    "Compress JSON and HTML only; store archives without a Content-Encoding.",
)
CACHE_RULE = Code(
    "DIA038",
    "an object may be kept longer than it should",
    "gc deletes, and publish relies on it, when by these rules no cache shows a former listing any more.",
    "Pass the Cache-Control of the objects on, and add no times of your own.",
)
HEAD_DIFFERS = Code(
    "DIA039",
    "HEAD is answered otherwise than GET",
    "Clients ask by HEAD before they fetch an archive.",
    "Let HEAD through wherever GET is.",
)
URL_CLOCK = Code(
    "DIA040",
    "this machine's clock and the server's differ",
    "Ages of caches, signatures and tokens are judged by clocks.",
    "Set this machine's clock, best by NTP; where it is right, the server's.",
)
MODULE = Code(
    "DIA041",
    "a module cannot be installed",
    "It was read as Terraform and OpenTofu read it, to the last byte.",
    "Look at what is said above first. Where all of that is well, 'registry-gen fsck' names an object that is not.",
)
PROVIDER = Code(
    "DIA042",
    "a provider cannot be installed",
    "It was read as Terraform and OpenTofu read it, with sums and signature.",
    "Look at what is said above first. Where all of that is well, 'registry-gen fsck' names an object that is not.",
)
MIRROR = Code(
    "DIA043",
    "a mirrored provider cannot be read",
    "Clients want the documents of a mirror as application/json.",
    "Serve v1/mirror/ with the Content-Type of its objects.",
)
PRIVATE_EXPOSED = Code(
    "DIA044",
    "the private storage can be read through the public URL",
    "It holds the registry's state, and packages that not everybody may have.",
    "Let the server behind the URL reach the public bucket, folder or prefix alone, and purge its caches.",
)
