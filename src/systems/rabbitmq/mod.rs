//! Rabbitmq.
