"""Singer and Meltano: ``tap-haloitsm`` and ``target-haloitsm``, on Meltano's singer-sdk (extra ``singer``)."""
