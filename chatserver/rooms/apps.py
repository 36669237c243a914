from django.apps import AppConfig


class RoomsConfig(AppConfig):
    name = "chatserver.rooms"
    label = "rooms"
