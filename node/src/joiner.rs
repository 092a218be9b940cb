//! How a joiner comes to be: the lead writes this file at this moment.
