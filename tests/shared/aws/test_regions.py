"""The names of AWS regions."""

from shared.aws.regions import known_regions


def test_the_regions_are_those_of_ec2():
    from botocore.session import Session

    session = Session()
    of_ec2 = {r for p in session.get_available_partitions() for r in session.get_available_regions("ec2", p)}
    assert of_ec2 <= known_regions()
    assert not any(word in region for region in known_regions() for word in ("global", "fips"))
