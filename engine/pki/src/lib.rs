//! Certificates for a cluster: an authority, servers, peers and clients.
