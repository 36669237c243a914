from django.apps import AppConfig


class SitesConfig(AppConfig):
    name = "chatserver.sites"
    label = "sites"
