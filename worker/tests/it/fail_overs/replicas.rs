//! A replica beside each gateway.
